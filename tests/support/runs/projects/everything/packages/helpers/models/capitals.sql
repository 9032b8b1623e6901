select 'Bergen' as place, false as is_capital
